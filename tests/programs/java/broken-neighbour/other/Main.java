public class Main { this is not Java }
