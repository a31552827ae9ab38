<%@ page pageEncoding="UTF-8" contentType="text/plain; charset=UTF-8" trimDirectiveWhitespaces="true" %><%
    // A page that looks at no body. The container's access log writes down what it was asked.
    String subject = request.getHeader("X-Verified-Subject");
    String target = (String) request.getAttribute("jakarta.servlet.forward.request_uri");
    out.print((target == null ? request.getRequestURI() : target) + "\n" + (subject == null ? "-" : subject) + "\n");
%>
