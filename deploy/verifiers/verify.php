<?php
/**
 * Check a Sekisho assertion in a PHP application (7.4 or newer, with openssl). Copy this file.
 *
 *     $claims = verify_assertion($_SERVER['HTTP_X_VERIFIED_ASSERTION'], $jwks, AUDIENCE, ISSUER, time());
 *
 * $jwks is the text of https://<your application>/.sekisho/keys/assertion, kept for five minutes and fetched again, at
 * most once a minute, for a `kid` it does not have. AUDIENCE is your application's URL as in gateway.yaml.
 */

declare(strict_types=1);

/** Seconds that two machines' clocks may differ. */
const SEKISHO_SKEW = 5;

/** The token is not valid: the application must believe none of it. */
class AssertionRefused extends RuntimeException
{
}

function sekisho_bytes($text): string
{
    $bytes = is_string($text) && preg_match('/^[A-Za-z0-9_-]*$/D', $text) ? base64_decode(strtr($text, '-_', '+/'), true) : false;
    if ($bytes === false) {
        throw new AssertionRefused('not base64url');
    }
    return $bytes;
}

/** A DER integer of 32 bytes, for the signature form that openssl reads. */
function sekisho_der_integer(string $bytes): string
{
    $bytes = ltrim($bytes, "\0");
    if ($bytes === '' || ord($bytes[0]) > 0x7f) {
        $bytes = "\0" . $bytes;
    }
    return "\x02" . chr(strlen($bytes)) . $bytes;
}

/** Return the claims, or throw AssertionRefused. */
function verify_assertion(string $token, string $jwks, string $audience, string $issuer, int $now): array
{
    $parts = explode('.', $token);
    if (count($parts) !== 3) {
        throw new AssertionRefused('not a token');
    }
    $header = json_decode(sekisho_bytes($parts[0]), true);
    // The verifier chooses the algorithm, never the token.
    if (!is_array($header) || ($header['alg'] ?? null) !== 'ES256') {
        throw new AssertionRefused('algorithm is not ES256');
    }
    $published = json_decode($jwks, true);
    $keys = array_values(array_filter($published['keys'] ?? [], function ($key) use ($header) {
        return ($key['kid'] ?? null) === ($header['kid'] ?? '');
    }));
    if (count($keys) !== 1 || ($keys[0]['kty'] ?? '') !== 'EC' || ($keys[0]['crv'] ?? '') !== 'P-256') {
        throw new AssertionRefused('unknown key');
    }
    $x = sekisho_bytes($keys[0]['x'] ?? null);
    $y = sekisho_bytes($keys[0]['y'] ?? null);
    $signature = sekisho_bytes($parts[2]);
    if (strlen($x) !== 32 || strlen($y) !== 32 || strlen($signature) !== 64) {
        throw new AssertionRefused('not a signature');
    }
    // The fixed beginning of a SubjectPublicKeyInfo for a point on P-256 (RFC 5480).
    $spki = hex2bin('3059301306072a8648ce3d020106082a8648ce3d030107034200') . "\x04" . $x . $y;
    $pem = "-----BEGIN PUBLIC KEY-----\n" . chunk_split(base64_encode($spki), 64, "\n") . "-----END PUBLIC KEY-----\n";
    $der = sekisho_der_integer(substr($signature, 0, 32)) . sekisho_der_integer(substr($signature, 32));
    $der = "\x30" . chr(strlen($der)) . $der;
    if (openssl_verify($parts[0] . '.' . $parts[1], $der, $pem, OPENSSL_ALGO_SHA256) !== 1) {
        throw new AssertionRefused('signature does not hold');
    }
    $claims = json_decode(sekisho_bytes($parts[1]), true);
    if (!is_array($claims) || ($claims['aud'] ?? null) !== $audience || ($claims['iss'] ?? null) !== $issuer) {
        throw new AssertionRefused('for another application, or from another gateway');
    }
    $iat = $claims['iat'] ?? null;
    $exp = $claims['exp'] ?? null;
    if (!is_int($iat) || !is_int($exp) || $iat > $now + SEKISHO_SKEW || $exp < $now - SEKISHO_SKEW) {
        throw new AssertionRefused('not valid now');
    }
    return $claims;
}

if (PHP_SAPI === 'cli' && isset($argv[0]) && realpath($argv[0]) === __FILE__) {
    try {
        $claims = verify_assertion($argv[1], file_get_contents($argv[2]), $argv[3], $argv[4], (int) ($argv[5] ?? time()));
        echo json_encode($claims, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
    } catch (AssertionRefused $refused) {
        fwrite(STDERR, $refused->getMessage() . "\n");
        exit(1);
    }
}
