package harness

import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.sandbox.Untrusted
import org.codehaus.groovy.ast.ClassCodeExpressionTransformer
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.FieldNode
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.ast.stmt.Statement
import org.codehaus.groovy.classgen.GeneratorContext
import org.codehaus.groovy.control.SourceUnit
import org.kohsuke.groovy.sandbox.SandboxTransformer

/**
 * The CPS transform for code that runs in the sandbox: what is not transformed is made to ask the sandbox as well.
 *
 * groovy-cps has one of its own, SandboxCpsTransformer; it calls methods of a groovy-sandbox that Maven Central has
 * not got, for a check of finalizers that is of no use here.
 */
class SandboxTransform extends CpsTransformer {

    private final SandboxTransformer sandbox = new SandboxTransformer()
    private ClassCodeExpressionTransformer visitor

    @Override
    void call(SourceUnit source, GeneratorContext context, ClassNode type) {
        visitor = (ClassCodeExpressionTransformer) sandbox.createVisitor(source, type)
        super.call(source, context, type)
    }

    @Override
    protected void processConstructors(ClassNode type) {
        sandbox.processConstructors(visitor, type)
    }

    @Override
    protected void visitNontransformedMethod(MethodNode method) {
        visitor.visitMethod(method)
    }

    @Override
    protected void visitNontransformedField(FieldNode field) {
        visitor.visitField(field)
    }

    @Override
    protected void visitNontransformedStatement(Statement statement) {
        statement.visit(visitor)
    }

    @Override
    protected Class getTrustTag() {
        return Untrusted
    }

}
