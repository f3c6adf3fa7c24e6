package harness

import java.nio.charset.StandardCharsets
import java.util.regex.Pattern

/** The log of a build. Secrets are hidden line by line, in the forms in which credentials-binding knows them. */
class Log {

    private final Closure listener
    private final StringBuffer text = new StringBuffer()

    Log(Closure listener) {
        this.listener = listener
    }

    void line(String line, List<String> secrets = []) {
        String hidden = line
        forms(secrets).each { hidden = hidden.replaceAll(Pattern.quote(it), '****') }
        text << hidden << '\n'
        listener.call(hidden)
    }

    @Override
    String toString() {
        return text.toString()
    }

    /**
     * As it is, quoted by sh and bash, with $$ for $, and in base64 at each of the three offsets, the longest first.
     * Source: jenkinsci/credentials-binding-plugin, package masking: SecretPatterns and the …SecretPatternFactory.
     */
    private static List<String> forms(List<String> secrets) {
        Set<String> forms = []
        secrets.findAll().each { String secret ->
            String quoted = secret.replace("'", "'\\''")
            forms.addAll([secret, quoted, "'${quoted}'".toString(), secret.replace("'", "'\"'\"'")])
            forms << secret.replace('$', '$$')
            ['', 'a', 'aa'].each { String shift ->
                [Base64.encoder, Base64.urlEncoder].each { encoder ->
                    String encoded = encoder.encodeToString((shift + secret).getBytes(StandardCharsets.UTF_8))
                    encoded = encoded.substring(2 * shift.length())
                    forms << encoded
                    forms << encoded.replaceFirst(/.==$/, '').replaceFirst(/.=$/, '')
                }
            }
        }
        return forms.findAll { it.length() >= 3 }.sort { -it.length() }
    }

}
