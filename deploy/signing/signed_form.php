<?php
/**
 * Make the document again that a person signed for a form, and check the signature (PHP 7.4 or newer, with mbstring and
 * openssl). Copy this file.
 *
 *     $document = sekisho_signed_document(file_get_contents('php://input'), '児童手当の申請');
 *     if (!sekisho_signature_holds($document, $signature, $certificate)) { ... }
 *
 * The body is the request's own: $_POST loses fields of one name, and renames those with a dot. The title is the rule's
 * `title.ja`. $signature and $certificate are in Base64, as the gateway gives them. The check tells that the
 * certificate's key signed this document. `sekisho signature verify` tells more.
 * For a form in Shift_JIS or EUC-JP, write SJIS-win or eucJP-win as the charset.
 */

declare(strict_types=1);

function sekisho_one_line(string $text): string
{
    $not_drawn = '/[\x{00}-\x{1f}\\\\\x{7f}-\x{9f}\x{ad}\x{61c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}'
        . '\x{feff}\x{fff9}-\x{fffb}\x{e0000}-\x{e007f}]/u';
    return preg_replace_callback($not_drawn, function (array $found): string {
        return sprintf('\\u{%X}', mb_ord($found[0], 'UTF-8'));
    }, $text);
}

/** Return the document of a form: $body is application/x-www-form-urlencoded, in the application's charset. */
function sekisho_signed_document(string $body, string $title, string $charset = 'UTF-8'): string
{
    $fields = [];
    foreach (explode('&', $body) as $part) {
        if ($part !== '') {
            $pair = explode('=', $part, 2);
            $fields[] = [
                mb_convert_encoding(urldecode($pair[0]), 'UTF-8', $charset),
                mb_convert_encoding(urldecode($pair[1] ?? ''), 'UTF-8', $charset),
            ];
        }
    }
    $lines = ['Sekisho form 1', 'Title: ' . sekisho_one_line($title), 'Fields: ' . count($fields), ''];
    foreach ($fields as $index => [$name, $value]) {
        $lines[] = '[' . ($index + 1) . '] ' . sekisho_one_line($name);
        foreach (explode("\r\n", $value) as $line) {
            $lines[] = '| ' . sekisho_one_line($line);
        }
    }
    return implode("\n", $lines) . "\n";
}

/** Whether the key of a certificate has signed a document. */
function sekisho_signature_holds(string $document, string $signature, string $certificate): bool
{
    $der = base64_decode($certificate, true);
    $pem = "-----BEGIN CERTIFICATE-----\n" . chunk_split(base64_encode((string) $der), 64, "\n") . "-----END CERTIFICATE-----\n";
    $key = openssl_pkey_get_public($pem);
    return $key !== false && openssl_verify($document, (string) base64_decode($signature, true), $key, OPENSSL_ALGO_SHA256) === 1;
}

// php signed_form.php BODY TITLE [SIGNATURE CERTIFICATE]: the files' names, and the title itself.
if (PHP_SAPI === 'cli' && isset($argv[0]) && realpath($argv[0]) === __FILE__) {
    $document = sekisho_signed_document(file_get_contents($argv[1]), $argv[2]);
    echo base64_encode(hash('sha256', $document, true)), "\n";
    if (isset($argv[4]) && !sekisho_signature_holds($document, file_get_contents($argv[3]), file_get_contents($argv[4]))) {
        exit(1);
    }
}
