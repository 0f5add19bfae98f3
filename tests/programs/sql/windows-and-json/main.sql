CREATE TABLE sales (region VARCHAR(10), month INT, amount INT);
INSERT INTO sales VALUES ('north', 1, 10), ('north', 2, 15), ('north', 3, 12), ('south', 1, 7), ('south', 2, 9);
SELECT region, month, amount,
       SUM(amount) OVER (PARTITION BY region ORDER BY month) AS running,
       RANK() OVER (ORDER BY amount DESC) AS place,
       amount - LAG(amount) OVER (PARTITION BY region ORDER BY month) AS gain
FROM sales ORDER BY region, month;
SELECT JSON_OBJECTAGG(region, total) AS totals
FROM (SELECT region, SUM(amount) AS total FROM sales GROUP BY region ORDER BY region) t;
SELECT j.* FROM JSON_TABLE('[{"a": 1, "b": ["x", "y"]}, {"a": null, "b": []}]', '$[*]'
    COLUMNS (a INT PATH '$.a', first_b VARCHAR(5) PATH '$.b[0]')) j;
