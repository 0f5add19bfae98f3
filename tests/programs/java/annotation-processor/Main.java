import java.util.Set;
import javax.annotation.processing.*;
import javax.lang.model.SourceVersion;
import javax.lang.model.element.TypeElement;

@SupportedAnnotationTypes("*")
public class Main extends AbstractProcessor {
    static {
        System.out.println("loaded in " + ProcessHandle.current().info().commandLine().map(c -> c.contains("Main") ? "the program" : "?").orElse("?"));
    }

    @Override
    public boolean process(Set<? extends TypeElement> annotations, RoundEnvironment env) {
        throw new IllegalStateException("a compiler must not run this");
    }

    public static void main(String[] args) {
        System.out.println("a program, " + SourceVersion.latest());
    }
}
