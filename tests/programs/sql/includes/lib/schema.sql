CREATE TABLE goods (name VARCHAR(20), price INT);
-- beside this file, not beside the entry
SOURCE data/goods.sql;
