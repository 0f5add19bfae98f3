int part();
