<?php
// Writes down each request as PHP hands it to an application, then answers with two bytes.
// A router for `php -S`: the file of the records is named by the environment.
$headers = [];
foreach ($_SERVER as $name => $value) {
    if (is_string($value) && (str_starts_with($name, 'HTTP_') || in_array($name, ['PATH_INFO', 'REMOTE_USER', 'AUTH_TYPE'], true))) {
        $headers[preg_replace('/^HTTP_/', '', $name)] = iconv('ISO-8859-1', 'UTF-8', $value);
    }
}
$record = [
    'method' => $_SERVER['REQUEST_METHOD'],
    'target' => $_SERVER['REQUEST_URI'],
    'path' => iconv('ISO-8859-1', 'UTF-8', rawurldecode(explode('?', $_SERVER['REQUEST_URI'], 2)[0])),
    'headers' => $headers,
    'length' => $_SERVER['HTTP_CONTENT_LENGTH'] ?? '',
    'body' => iconv('ISO-8859-1', 'UTF-8', file_get_contents('php://input')),
];
file_put_contents(getenv('RECORDS'), json_encode($record) . "\n", FILE_APPEND | LOCK_EX);
header('Content-Type: text/plain');
echo 'ok';
