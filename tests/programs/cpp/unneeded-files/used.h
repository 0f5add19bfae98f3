int used();
