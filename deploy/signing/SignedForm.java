import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * Make the document again that a person signed for a form, and check the signature (Java 8 or newer). Copy this class.
 *
 * <pre>
 * byte[] document = SignedForm.document(body, "児童手当の申請", StandardCharsets.UTF_8);
 * if (!SignedForm.holds(document, signature, certificate)) { ... }
 * </pre>
 *
 * The body is the request's own, from getInputStream(): read it before getParameter() is called. The title is the
 * rule's `title.ja`. The signature and the certificate are in Base64, as the gateway gives them. The check tells that
 * the certificate's key signed this document. `sekisho signature verify` tells more.
 */
public final class SignedForm {
    private SignedForm() {
    }

    /** Return the document of a form: the body is application/x-www-form-urlencoded, in the application's charset. */
    public static byte[] document(String body, String title, Charset charset) {
        List<String[]> fields = new ArrayList<>();
        for (String part : body.split("&")) {
            if (!part.isEmpty()) {
                String[] pair = part.split("=", 2);
                fields.add(new String[] {decoded(pair[0], charset), pair.length < 2 ? "" : decoded(pair[1], charset)});
            }
        }
        StringBuilder text = new StringBuilder("Sekisho form 1\nTitle: ");
        text.append(oneLine(title)).append("\nFields: ").append(fields.size()).append("\n\n");
        for (int index = 0; index < fields.size(); index++) {
            text.append('[').append(index + 1).append("] ").append(oneLine(fields.get(index)[0])).append('\n');
            for (String line : fields.get(index)[1].split("\r\n", -1)) {
                text.append("| ").append(oneLine(line)).append('\n');
            }
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** Whether the key of a certificate has signed a document. */
    public static boolean holds(byte[] document, String signature, String certificate) throws GeneralSecurityException {
        byte[] der = Base64.getDecoder().decode(certificate.trim());
        Certificate read = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
        Signature verifier = Signature.getInstance("SHA256withRSA");
        verifier.initVerify(read.getPublicKey());
        verifier.update(document);
        return verifier.verify(Base64.getDecoder().decode(signature.trim()));
    }

    private static String oneLine(String text) {
        StringBuilder line = new StringBuilder();
        text.codePoints().forEach(sign -> {
            if (isDrawn(sign)) {
                line.appendCodePoint(sign);
            } else {
                line.append("\\u{").append(Integer.toHexString(sign).toUpperCase(java.util.Locale.ROOT)).append('}');
            }
        });
        return line.toString();
    }

    private static boolean isDrawn(int sign) {
        return !(sign <= 0x1f || sign == '\\' || in(sign, 0x7f, 0x9f) || sign == 0xad || sign == 0x61c
                || in(sign, 0x200b, 0x200f) || in(sign, 0x2028, 0x202e) || in(sign, 0x2060, 0x206f) || sign == 0xfeff
                || in(sign, 0xfff9, 0xfffb) || in(sign, 0xe0000, 0xe007f));
    }

    private static boolean in(int sign, int first, int last) {
        return first <= sign && sign <= last;
    }

    private static String decoded(String text, Charset charset) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int at = 0; at < text.length(); at++) {
            char sign = text.charAt(at);
            if (sign == '%' && at + 2 <= text.length() - 1) {
                bytes.write(Integer.parseInt(text.substring(at + 1, at + 3), 16));
                at += 2;
            } else {
                bytes.write(sign == '+' ? ' ' : sign);
            }
        }
        return new String(bytes.toByteArray(), charset);
    }

    /** SignedForm BODY TITLE [SIGNATURE CERTIFICATE]: the files' names, and the title itself. */
    public static void main(String[] arguments) throws Exception {
        byte[] document = document(read(arguments[0]), arguments[1], StandardCharsets.UTF_8);
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(document);
        System.out.println(Base64.getEncoder().encodeToString(hash));
        if (arguments.length > 3 && !holds(document, read(arguments[2]), read(arguments[3]))) {
            System.exit(1);
        }
    }

    private static String read(String file) throws java.io.IOException {
        return new String(Files.readAllBytes(Paths.get(file)), StandardCharsets.US_ASCII);
    }
}
