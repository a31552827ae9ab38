<?php
/**
 * Ask for signatures by the gateway's API, from a PHP application (7.4 or newer). Copy this file.
 *
 *     $api = new SekishoSignatures('https://app.example/.sekisho/signatures', $token);
 *     $asked = $api->ask(['title' => '契約書', 'media_type' => 'text/plain', 'document' => base64_encode($text),
 *         'return_to' => '/signed', 'subject' => $_SERVER['HTTP_X_VERIFIED_SUBJECT']], $key);
 *     // Keep $asked['id'], and send the browser to $asked['url']. When it comes back to /signed:
 *     $found = $api->read($asked['id']);
 *     if ($found['state'] === 'signed') {
 *         // keep what you need of it, and then:
 *         $api->confirm($asked['id']);
 *     }
 *
 * Without `subject` the first person who opens the URL signs. $key is a word of your own for this request: a request
 * that is sent again with the same key leads to the same signature.
 */

declare(strict_types=1);

final class SekishoSignatures
{
    private string $url;
    private string $token;

    public function __construct(string $url, string $token)
    {
        $this->url = $url;
        $this->token = $token;
    }

    /** Ask for a signature; returns its `id`, and the `url` for the person's browser. */
    public function ask(array $asked, string $key): array
    {
        return $this->call('POST', $this->url, json_encode($asked, JSON_THROW_ON_ERROR), ['Idempotency-Key: ' . $key]);
    }

    /** Return the state of a signature, and its result once it is there. It can be read again. */
    public function read(string $signature): array
    {
        return $this->call('GET', $this->url . '/' . $signature);
    }

    /** Let the gateway forget a signature: the application has kept what it needs. */
    public function confirm(string $signature): void
    {
        $this->call('DELETE', $this->url . '/' . $signature);
    }

    private function call(string $method, string $url, string $body = '', array $more = []): array
    {
        $headers = array_merge(['Authorization: Bearer ' . $this->token, 'Content-Type: application/json'], $more);
        $options = ['method' => $method, 'header' => $headers, 'content' => $body, 'timeout' => 10, 'follow_location' => 0];
        $text = file_get_contents($url, false, stream_context_create(['http' => $options]));
        if ($text === false) {
            throw new RuntimeException('the gateway refused, or is away');
        }
        return $text === '' ? [] : json_decode($text, true, 16, JSON_THROW_ON_ERROR);
    }
}

// php signatures.php URL TOKEN ask KEY JSON | read ID | confirm ID
if (PHP_SAPI === 'cli' && isset($argv[0]) && realpath($argv[0]) === __FILE__) {
    $api = new SekishoSignatures($argv[1], $argv[2]);
    if ($argv[3] === 'ask') {
        echo json_encode($api->ask(json_decode($argv[5], true), $argv[4])), "\n";
    } elseif ($argv[3] === 'read') {
        echo json_encode($api->read($argv[4])), "\n";
    } else {
        $api->confirm($argv[4]);
    }
}
