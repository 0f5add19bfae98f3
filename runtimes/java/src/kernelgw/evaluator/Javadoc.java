package kernelgw.evaluator;

/** Javadoc comments as plain text. */
final class Javadoc {
    private Javadoc() {
    }

    static String text(String comment) {
        return comment
                .replaceAll("(?s)\\{@(?:code|literal|link|linkplain|value)\\s+([^{}]*(?:\\{[^{}]*\\}[^{}]*)*)\\}", "$1")
                .replaceAll("(?i)<p>|</?(?:ul|ol|dl|pre|blockquote|table|tr|h\\d)[^>]*>", "\n")
                .replaceAll("(?i)<li>|<dt>|<dd>", "\n  - ")
                .replaceAll("<[^>]+>", "")
                .replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&quot;", "\"")
                .replace("&amp;", "&")
                .replaceAll("(?m)^[ \\t]+(?=\\S)", "    ")
                .replaceAll("\\n\\s*\\n(\\s*\\n)+", "\n\n")
                .strip().indent(4).stripTrailing();
    }
}
