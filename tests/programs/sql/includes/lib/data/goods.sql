INSERT INTO goods VALUES ('bread', 3), ('cheese', 12), ('wine', 20);
