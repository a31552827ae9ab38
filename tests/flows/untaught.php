<?php
// A booking system of 2009, which nobody taught anything: a login form, a table of passwords, a session cookie.
$db = new PDO('sqlite:' . getenv('UNTAUGHT_DB'));
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$db->exec('CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY COLLATE NOCASE, pw TEXT, wrong INTEGER DEFAULT 0)');
$db->exec('CREATE TABLE IF NOT EXISTS notes (id TEXT, note TEXT)');
$db->exec('CREATE TABLE IF NOT EXISTS log (line TEXT)');
foreach (['yamada' => 'old-Canary-1', 'suzuki' => 'old-Canary-2', 'tennis' => 'old-Canary-3', 'guessed' => 'old-Canary-4', 'tanaka' => 'old-Canary-5',
    'sato' => 'old-Canary-6', 'ito' => 'old-Canary-7', 'kato' => 'old-Canary-8', 'goto' => 'old-Canary-9', 'abe' => 'old-Canary-10'] as $id => $pw) {
    $db->prepare('INSERT OR IGNORE INTO users (id, pw) VALUES (?, ?)')->execute([$id, $pw]);
}
session_save_path(getenv('UNTAUGHT_SESSIONS'));
session_name('OLDSID');
session_start();
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$db->prepare('INSERT INTO log VALUES (?)')->execute([$_SERVER['REQUEST_METHOD'] . ' ' . $path . ' ' . ($_SESSION['id'] ?? '-')]);
function page($text) { echo "<!doctype html><title>Booking</title><p>$text</p>"; }
if (strpos($path, '/open') === 0) {
    page('open to all, ' . ($_SESSION['id'] ?? 'nobody'));
    page('told ' . ($_SERVER['HTTP_X_OLD_USER'] ?? '-') . ' as ' . ($_SERVER['HTTP_X_VERIFIED_ACTING_ROLE'] ?? '-')
        . ' basic ' . ($_SERVER['HTTP_AUTHORIZATION'] ?? '-'));
    return;
}
if ($path === '/login.php') {
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        if (!hash_equals($_SESSION['token'] ?? '?', $_POST['token'] ?? '')) {
            http_response_code(400);
            return page('stale form');
        }
        $found = $db->prepare('SELECT id, pw, wrong FROM users WHERE id = ?');
        $found->execute([$_POST['id'] ?? '']);
        $row = $found->fetch(PDO::FETCH_ASSOC);
        if ($row && $row['wrong'] < 5 && hash_equals($row['pw'], $_POST['pw'] ?? '')) {
            $db->prepare('UPDATE users SET wrong = 0 WHERE id = ?')->execute([$row['id']]);
            session_regenerate_id(true);
            $_SESSION['id'] = $row['id'];
            setcookie('OLDNAME', $row['id'], 0, '/');
            header('Location: /');
            http_response_code(302);
            return;
        }
        if ($row) {
            $db->prepare('UPDATE users SET wrong = wrong + 1 WHERE id = ?')->execute([$row['id']]);
        }
        return page('wrong');
    }
    $_SESSION['token'] = bin2hex(random_bytes(8));
    echo '<form method="post" action="/login.php"><input type="hidden" name="token" value="' . $_SESSION['token'] . '">'
        . '<input name="id"><input type="password" name="pw"><input type="submit" name="go" value="Login"></form>';
    return;
}
if ($path === '/extension/login' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    // A form of an extension, which no settings name. It asks for no password here.
    session_regenerate_id(true);
    $_SESSION['id'] = $_POST['id'];
    setcookie('OLDNAME', $_POST['id'], 0, '/');
    return page('signed in as ' . $_POST['id']);
}
if (!isset($_SESSION['id'])) {
    header('Location: /login.php?from=' . urlencode($path));
    http_response_code(302);
    return;
}
if ($path === '/logout.php') {
    session_destroy();
    return page('bye');
}
if ($path === '/password/change') {
    $found = $db->prepare('SELECT pw FROM users WHERE id = ?');
    $found->execute([$_SESSION['id']]);
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        $good = hash_equals($_SESSION['token'] ?? '?', $_POST['token'] ?? '')
            && hash_equals($found->fetchColumn(), $_POST['now'] ?? '') && $_POST['new'] === $_POST['again'];
        if ($good) {
            $db->prepare('UPDATE users SET pw = ? WHERE id = ?')->execute([$_POST['new'], $_SESSION['id']]);
        }
        return page($good ? 'changed' : 'not changed');
    }
    $_SESSION['token'] = bin2hex(random_bytes(8));
    echo '<form method="post"><input type="hidden" name="token" value="' . $_SESSION['token'] . '">'
        . '<input type="password" name="now"><input type="password" name="new" maxlength="20">'
        . '<input type="password" name="again" maxlength="20"></form>';
    return;
}
if ($path === '/ticks') {
    // Other requests of the session must not wait for its lock.
    session_write_close();
    header('Content-Type: text/event-stream');
    header('X-Accel-Buffering: no');
    for ($n = 0; $n < 600; $n++) {
        echo "data: $n {$_SESSION['id']}\n\n";
        ob_get_level() && ob_flush();
        flush();
        usleep(100000);
    }
    return;
}
if ($path === '/note' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    $db->prepare('INSERT INTO notes VALUES (?, ?)')->execute([$_SESSION['id'], $_POST['note'] ?? '']);
    return page('noted by ' . $_SESSION['id'] . ': ' . htmlspecialchars($_POST['note'] ?? ''));
}
page('hello ' . $_SESSION['id'] . ' from ' . ($_SERVER['HTTP_X_VERIFIED_ACTING_FOR'] ?? 'nobody')
    . ' marker ' . ($_SERVER['HTTP_SEKISHO_ACCOUNT'] ?? 'none'));
