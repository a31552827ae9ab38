import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Check a Sekisho assertion in a Java application (11 or newer). No libraries needed; copy this file.
 *
 * <pre>Map&lt;String, Object&gt; claims = Verify.assertion(
 *     request.getHeader("X-Verified-Assertion"), jwks, AUDIENCE, ISSUER, System.currentTimeMillis() / 1000);</pre>
 *
 * {@code jwks} is the text of https://&lt;your application&gt;/.sekisho/keys/assertion, kept for five minutes and fetched
 * again, at most once a minute, for a {@code kid} it does not have. AUDIENCE is your application's URL as in gateway.yaml.
 */
public final class Verify {
    /** Seconds that two machines' clocks may differ. */
    private static final long SKEW = 5;

    /** The token is not valid: the application must believe none of it. */
    public static final class AssertionRefused extends Exception {
        private static final long serialVersionUID = 1;

        AssertionRefused(String message) {
            super(message);
        }
    }

    private Verify() {}

    /** Return the claims, or throw AssertionRefused. */
    public static Map<String, Object> assertion(String token, String jwks, String audience, String issuer, long now)
            throws AssertionRefused {
        try {
            String[] parts = token.split("\\.", -1);
            if (parts.length != 3) {
                throw new AssertionRefused("not a token");
            }
            Map<String, Object> header = object(bytes(parts[0]));
            // The verifier chooses the algorithm, never the token.
            if (!"ES256".equals(header.get("alg"))) {
                throw new AssertionRefused("algorithm is not ES256");
            }
            Signature check = Signature.getInstance("SHA256withECDSAinP1363Format");
            check.initVerify(key(jwks, header.get("kid")));
            check.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
            if (!check.verify(bytes(parts[2]))) {
                throw new AssertionRefused("signature does not hold");
            }
            Map<String, Object> claims = object(bytes(parts[1]));
            if (!audience.equals(claims.get("aud")) || !issuer.equals(claims.get("iss"))) {
                throw new AssertionRefused("for another application, or from another gateway");
            }
            if (!(claims.get("iat") instanceof Long) || !(claims.get("exp") instanceof Long)
                    || (Long) claims.get("iat") > now + SKEW || (Long) claims.get("exp") < now - SKEW) {
                throw new AssertionRefused("not valid now");
            }
            return claims;
        } catch (GeneralSecurityException | RuntimeException error) {
            throw new AssertionRefused("not a token of this gateway");
        }
    }

    private static PublicKey key(String jwks, Object kid) throws GeneralSecurityException, AssertionRefused {
        Map<String, Object> found = null;
        for (Object each : (List<?>) object(jwks.getBytes(StandardCharsets.UTF_8)).get("keys")) {
            Map<?, ?> key = (Map<?, ?>) each;
            if (kid != null && kid.equals(key.get("kid")) && "EC".equals(key.get("kty")) && "P-256".equals(key.get("crv"))) {
                found = new LinkedHashMap<>();
                found.put("x", key.get("x"));
                found.put("y", key.get("y"));
            }
        }
        if (found == null) {
            throw new AssertionRefused("unknown key");
        }
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        ECPoint point = new ECPoint(
                new BigInteger(1, bytes((String) found.get("x"))), new BigInteger(1, bytes((String) found.get("y"))));
        return KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(point, curve.getParameterSpec(ECParameterSpec.class)));
    }

    private static byte[] bytes(String text) {
        return Base64.getUrlDecoder().decode(text);
    }

    private static Map<String, Object> object(byte[] json) {
        Json reader = new Json(new String(json, StandardCharsets.UTF_8));
        Map<String, Object> value = reader.members();
        reader.end();
        return value;
    }

    /** Parses as much of JSON as a token has, and refuses the rest. An application with a JSON library uses that instead. */
    private static final class Json {
        private final String text;
        private int at;

        Json(String text) {
            this.text = text;
        }

        void end() {
            space();
            if (at != text.length()) {
                throw new IllegalArgumentException("more than one value");
            }
        }

        Object value() {
            space();
            char sign = text.charAt(at);
            if (sign == '{') {
                return members();
            }
            if (sign == '[') {
                return elements();
            }
            if (sign == '"') {
                return string();
            }
            int begin = at;
            while (at < text.length() && "+-.0123456789Eaeflnrstu".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            String word = text.substring(begin, at);
            switch (word) {
                case "true":
                    return Boolean.TRUE;
                case "false":
                    return Boolean.FALSE;
                case "null":
                    return null;
                default:
                    return word.matches("-?[0-9]+") ? (Object) Long.valueOf(word) : (Object) Double.valueOf(word);
            }
        }

        Map<String, Object> members() {
            Map<String, Object> found = new LinkedHashMap<>();
            expect('{');
            space();
            while (text.charAt(at) != '}') {
                String name = string();
                expect(':');
                if (found.containsKey(name)) {
                    throw new IllegalArgumentException("a member twice");
                }
                found.put(name, value());
                space();
                if (text.charAt(at) != '}') {
                    expect(',');
                    space();
                }
            }
            at++;
            return found;
        }

        private List<Object> elements() {
            List<Object> found = new ArrayList<>();
            at++;
            space();
            while (text.charAt(at) != ']') {
                found.add(value());
                space();
                if (text.charAt(at) != ']') {
                    expect(',');
                    space();
                }
            }
            at++;
            return found;
        }

        private String string() {
            expect('"');
            StringBuilder found = new StringBuilder();
            while (text.charAt(at) != '"') {
                char sign = text.charAt(at++);
                if (sign != '\\') {
                    found.append(sign);
                    continue;
                }
                char escaped = text.charAt(at++);
                int place = "bfnrt".indexOf(escaped);
                if (escaped == 'u') {
                    found.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                    at += 4;
                } else {
                    found.append(place < 0 ? escaped : "\b\f\n\r\t".charAt(place));
                }
            }
            at++;
            return found.toString();
        }

        private void expect(char sign) {
            space();
            if (text.charAt(at) != sign) {
                throw new IllegalArgumentException("not JSON");
            }
            at++;
        }

        private void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }
    }

    /** {@code java Verify.java TOKEN JWKS-FILE AUDIENCE ISSUER [NOW]} */
    public static void main(String[] arguments) throws Exception {
        long now = arguments.length > 4 ? Long.parseLong(arguments[4]) : System.currentTimeMillis() / 1000;
        try {
            Map<String, Object> claims =
                    assertion(arguments[0], Files.readString(Path.of(arguments[1])), arguments[2], arguments[3], now);
            System.out.println(claims.get("sub") + " " + claims.get("facts"));
        } catch (AssertionRefused refused) {
            System.err.println(refused.getMessage());
            System.exit(1);
        }
    }
}
