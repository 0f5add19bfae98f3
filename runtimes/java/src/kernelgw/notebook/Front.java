package kernelgw.notebook;

import com.google.gson.JsonObject;

/** The way to the notebook's front end: the evaluator's part of what Notebook offers. */
public interface Front {
    /** Returns when the front end's side has taken it, so that text and pictures keep their order. */
    void display(JsonObject data, JsonObject metadata, String id, boolean update);

    void clear(boolean wait);

    /** A line, or null at the end of input. */
    String readLine(String prompt, boolean password);
}
