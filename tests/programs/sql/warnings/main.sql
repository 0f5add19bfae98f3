-- a warning is no error: the program goes on
SELECT 1 / 0 AS nothing;
CREATE TABLE t (n ENUM('a', 'b'));
SET sql_mode = '';
INSERT INTO t VALUES ('c');
DROP TABLE IF EXISTS nowhere;
SELECT COUNT(*) FROM t;
