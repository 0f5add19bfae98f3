CREATE TABLE steps (n INT);
