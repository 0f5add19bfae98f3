class Part {
    void go() {
        return 1;
    }
}
