WITH RECURSIVE fib (n, a, b) AS (
    SELECT 1, 0, 1 UNION ALL SELECT n + 1, b, a + b FROM fib WHERE n < 20
)
SELECT n, a AS fibonacci FROM fib WHERE n % 5 = 0;

SET max_sp_recursion_depth = 50;
CREATE PROCEDURE factorial(n INT, OUT result BIGINT)
IF n <= 1 THEN
    SET result = 1;
ELSE
    CALL factorial(n - 1, result);
    SET result = n * result;
END IF;
CALL factorial(15, @f);
SELECT @f;

CREATE TABLE staff (id INT, name VARCHAR(10), boss INT);
INSERT INTO staff VALUES (1, 'Ann', NULL), (2, 'Bob', 1), (3, 'Cid', 1), (4, 'Dan', 2), (5, 'Eve', 4);
WITH RECURSIVE tree AS (
    SELECT id, name, 0 AS depth, CAST(name AS CHAR(100)) AS path FROM staff WHERE boss IS NULL
    UNION ALL
    SELECT s.id, s.name, depth + 1, CONCAT(path, ' > ', s.name) FROM staff s JOIN tree t ON s.boss = t.id
)
SELECT CONCAT(REPEAT('  ', depth), name) AS who, path FROM tree ORDER BY path;
