CREATE VIEW expensive AS SELECT * FROM goods WHERE price > 10 ORDER BY price DESC;
