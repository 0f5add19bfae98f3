package kernelgw.notebook;

/** Something that stands in the notebook and can be shown anew: var d = display(0); d.update(1). */
public final class Display {
    private final String id;

    Display(String id) {
        this.id = id;
    }

    public String id() {
        return id;
    }

    public void update(Object value) {
        Notebook.updateDisplay(id, value);
    }

    @Override
    public String toString() {
        return "Display " + id;
    }
}
