<%@ page pageEncoding="UTF-8" contentType="text/plain; charset=UTF-8" import="java.net.URLDecoder, java.nio.charset.Charset, java.nio.charset.StandardCharsets, java.util.Base64" trimDirectiveWhitespaces="true" %><%
    // An application of its time: reads the header, greets, remembers in its own session whom it greets.
    String subject = request.getHeader("X-Verified-Subject");
    boolean fresh = session.getAttribute("subject") == null;
    if (fresh) {
        session.setAttribute("subject", subject);
    }
    String charset = request.getParameter("charset") == null ? "utf-8" : request.getParameter("charset");
    Charset of = Charset.forName("cp932".equals(charset) ? "windows-31j" : "euc-jp".equals(charset) ? "x-eucJP-Open" : charset);
    // Tomcat reads header bytes as Latin-1.
    String sent = request.getHeader("X-Verified-Name");
    String encoding = request.getParameter("encoding") == null ? "percent" : request.getParameter("encoding");
    String name;
    if (sent == null) {
        name = "";
    } else if ("percent".equals(encoding)) {
        name = URLDecoder.decode(sent.replace("+", "%2B"), of);
    } else if ("base64".equals(encoding)) {
        name = new String(Base64.getDecoder().decode(sent), of);
    } else {
        name = new String(sent.getBytes(StandardCharsets.ISO_8859_1), of);
    }
    out.print("こんにちは、" + name + "さん\nsession of " + session.getAttribute("subject") + (fresh ? " (new)" : "") + "\n");
    out.print("remote user " + request.getRemoteUser() + "\n");
%>
