import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.Part;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** A notice board as an application for Tomcat is written: it asks the servlet API who is there and by which URL. */
public class Board extends HttpServlet {
    private final Map<String, String> notices = Collections.synchronizedMap(new TreeMap<>());
    private final Map<String, byte[]> files = Collections.synchronizedMap(new TreeMap<>());

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        byte[] file = request.getParameter("file") == null ? null : files.get(request.getParameter("file"));
        if (file != null) {
            response.setContentType("application/octet-stream");
            response.setContentLength(file.length);
            response.getOutputStream().write(file);
            return;
        }
        if (request.getParameter("notice") != null && !notices.containsKey(request.getParameter("notice"))) {
            response.sendError(HttpServletResponse.SC_NOT_FOUND);
            return;
        }
        response.setContentType("text/html; charset=UTF-8");
        PrintWriter page = response.getWriter();
        page.println("<!DOCTYPE html><title>掲示板</title><h1>掲示板</h1>");
        page.println("<p>user " + request.getRemoteUser() + " at " + request.getRequestURL());
        page.println("<p>from " + request.getRemoteAddr() + ", secure " + request.isSecure());
        page.println("<p>" + (request.getSession(false) == null ? "nobody" : "somebody") + " is writing");
        notices.forEach((title, text) -> page.println("<h2>" + title + "</h2><p>" + text));
        files.forEach((name, content) -> page.println("<p><a href='?file=" + name + "'>" + content.length + "</a>"));
    }

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response)
            throws IOException, ServletException {
        request.setCharacterEncoding("UTF-8");
        switch (request.getParameter("do")) {
            case "enter" -> request.getSession();
            case "write" -> notices.put(request.getParameter("title"), request.getParameter("text"));
            case "delete" -> notices.remove(request.getParameter("title"));
            case "upload" -> {
                Part part = request.getPart("file");
                files.put(part.getSubmittedFileName(), part.getInputStream().readAllBytes());
            }
            case "leave" -> request.getSession().invalidate();
            default -> response.sendError(HttpServletResponse.SC_BAD_REQUEST);
        }
        response.sendRedirect(request.getRequestURL().toString());
    }
}
