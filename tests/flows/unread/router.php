<?php
// A page for PHP's built-in server that looks at no body. Writes down METHOD TARGET REQUEST-ID of each request.
$asked = [$_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $_SERVER['HTTP_X_REQUEST_ID'] ?? '-'];
file_put_contents(getenv('RECORDS'), implode(' ', $asked) . "\n", FILE_APPEND | LOCK_EX);
header('Content-Type: text/plain');
echo $_SERVER['REQUEST_URI'], "\n", $_SERVER['HTTP_X_VERIFIED_SUBJECT'] ?? '-', "\n";
