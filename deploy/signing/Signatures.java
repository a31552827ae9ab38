import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/**
 * Ask for signatures by the gateway's API, from a Java application (Java 8 or newer). Copy this class.
 *
 * <pre>
 * Signatures api = new Signatures("https://app.example/.sekisho/signatures", token);
 * String asked = api.ask("{\"title\": \"契約書\", \"media_type\": \"text/plain\", \"subject\": ..., ...}", key);
 * // Keep its `id`, and send the browser to its `url`. It comes back later.
 * String found = api.read(id);
 * // Where its `state` is `signed`, keep what you need of it.
 * api.confirm(id);
 * </pre>
 *
 * The subject is the person who is to sign, as the header X-Verified-Subject names her. Without it, the first person who
 * opens the URL signs. Requests and answers are JSON: read them with the library that your application has. The key is a
 * word of your own for this request: a request that is sent again with the same key leads to the same signature.
 */
public final class Signatures {
    private final String url;
    private final String token;

    public Signatures(String url, String token) {
        this.url = url;
        this.token = token;
    }

    /** Ask for a signature; the answer has its `id`, and the `url` for the person's browser. */
    public String ask(String asked, String key) throws IOException {
        return call("POST", url, asked, key);
    }

    /** Return the state of a signature, and its result once it is there. It can be read again. */
    public String read(String signature) throws IOException {
        return call("GET", url + "/" + signature, null, null);
    }

    /** Let the gateway forget a signature: the application has kept what it needs. */
    public void confirm(String signature) throws IOException {
        call("DELETE", url + "/" + signature, null, null);
    }

    private String call(String method, String target, String body, String key) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) URI.create(target).toURL().openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(10_000);
        connection.setReadTimeout(10_000);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestProperty("Authorization", "Bearer " + token);
        if (body != null) {
            connection.setRequestProperty("Content-Type", "application/json");
            connection.setRequestProperty("Idempotency-Key", key);
            connection.setDoOutput(true);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(body.getBytes(StandardCharsets.UTF_8));
            }
        }
        int status = connection.getResponseCode();
        if (status < 200 || status > 299) {
            throw new IOException("the gateway answered " + status);
        }
        try (InputStream in = connection.getInputStream()) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            byte[] part = new byte[8192];
            for (int read = in.read(part); read >= 0; read = in.read(part)) {
                bytes.write(part, 0, read);
            }
            return new String(bytes.toByteArray(), StandardCharsets.UTF_8);
        }
    }

    /** Signatures URL TOKEN ask KEY JSON | read ID | confirm ID. */
    public static void main(String[] arguments) throws IOException {
        Signatures api = new Signatures(arguments[0], arguments[1]);
        if (arguments[2].equals("ask")) {
            System.out.println(api.ask(arguments[4], arguments[3]));
        } else if (arguments[2].equals("read")) {
            System.out.println(api.read(arguments[3]));
        } else {
            api.confirm(arguments[3]);
        }
    }
}
