import jakarta.servlet.ServletException;
import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.realm.GenericPrincipal;
import org.apache.catalina.valves.ValveBase;

/**
 * Makes X-Verified-Subject the servlet API's remote user: getRemoteUser() and getUserPrincipal() answer it.
 *
 * <p>For Tomcat 10 behind Sekisho, and only where nobody else can reach Tomcat's port. Compile it against Tomcat's
 * catalina.jar, put the class into CATALINA_BASE/lib, and add to the Host in server.xml:
 * {@code <Valve className="VerifiedSubjectValve"/>}. For Tomcat 9 and older, write {@code javax} for {@code jakarta}.
 */
public final class VerifiedSubjectValve extends ValveBase {
    public VerifiedSubjectValve() {
        super(true);
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        String subject = request.getHeader("X-Verified-Subject");
        if (subject != null && !subject.isEmpty()) {
            request.setUserPrincipal(new GenericPrincipal(subject));
        }
        getNext().invoke(request, response);
    }
}
