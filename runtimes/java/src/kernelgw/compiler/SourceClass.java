package kernelgw.compiler;

import javax.tools.ForwardingJavaFileObject;

/** A source file as the home of one of its classes, which need not bear its name. */
final class SourceClass extends ForwardingJavaFileObject<Source> {
    private final String packageName;
    private final String name;

    SourceClass(Source source, String packageName, String name) {
        super(source);
        this.packageName = packageName;
        this.name = name;
    }

    Source source() {
        return fileObject;
    }

    String name() {
        return name;
    }

    String binaryName() {
        return packageName.isEmpty() ? name : packageName + "." + name;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SourceClass c ? c.fileObject == fileObject : other == fileObject;
    }

    @Override
    public int hashCode() {
        return fileObject.hashCode();
    }
}
