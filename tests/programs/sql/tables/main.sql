CREATE TABLE kinds (
    id INT AUTO_INCREMENT PRIMARY KEY,
    amount DECIMAL(10, 2),
    ratio DOUBLE,
    born DATE,
    seen DATETIME(3),
    raw VARBINARY(8),
    flags BIT(4),
    colour ENUM('red', 'green'),
    note TEXT
);
INSERT INTO kinds (amount, ratio, born, seen, raw, flags, colour, note) VALUES
    (12.5, 1e-3, '1999-12-31', '2024-02-29 12:34:56.789', x'00FF10', b'101', 'red', 'plain'),
    (-7, 2.5, NULL, NULL, NULL, NULL, NULL, NULL),
    (0, 0, '2000-01-01', '2000-01-01', '', b'0', 'green', 'two\nlines');
SELECT * FROM kinds;
SELECT COUNT(*), SUM(amount), MIN(born) FROM kinds;
SELECT * FROM kinds WHERE id > 100;
UPDATE kinds SET amount = amount + 1 WHERE id < 3;
DELETE FROM kinds;
DROP TABLE kinds;
