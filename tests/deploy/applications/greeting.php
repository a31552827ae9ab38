<?php
// An application of its time: reads the header, greets, remembers in its own session whom it greets.
declare(strict_types=1);

session_start();
$subject = $_SERVER['HTTP_X_VERIFIED_SUBJECT'] ?? null;
$fresh = !isset($_SESSION['subject']);
$mine = $_SESSION['subject'] ?? $subject;
$_SESSION['subject'] = $mine;

$charsets = ['utf-8' => 'UTF-8', 'cp932' => 'CP932', 'euc-jp' => 'EUC-JP-MS'];
$name = $_SERVER['HTTP_X_VERIFIED_NAME'] ?? '';
switch ($_GET['encoding'] ?? 'percent') {
    case 'percent':
        $name = rawurldecode($name);
        break;
    case 'base64':
        $name = base64_decode($name, true);
        break;
}
$name = iconv($charsets[$_GET['charset'] ?? 'utf-8'], 'UTF-8', $name);

header('Content-Type: text/plain; charset=UTF-8');
echo 'こんにちは、', $name, "さん\n", 'session of ', $mine, $fresh ? ' (new)' : '', "\n";
echo 'remote user ', $subject, "\n";
