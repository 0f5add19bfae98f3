import java.util.ArrayList;
import java.util.List;

public class Main {
    @SuppressWarnings("rawtypes")
    public static void main(String[] args) {
        List list = new ArrayList();
        list.add("unchecked");
        System.out.println(list);
    }
}
