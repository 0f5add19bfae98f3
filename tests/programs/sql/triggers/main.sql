CREATE TABLE stock (item VARCHAR(10) PRIMARY KEY, amount INT);
CREATE TABLE history (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(10), was INT, is_now INT);
CREATE TRIGGER no_debt BEFORE UPDATE ON stock FOR EACH ROW
    IF NEW.amount < 0 THEN SET NEW.amount = 0; END IF;
CREATE TRIGGER remember AFTER UPDATE ON stock FOR EACH ROW
BEGIN
    IF OLD.amount <> NEW.amount THEN
        INSERT INTO history (item, was, is_now) VALUES (NEW.item, OLD.amount, NEW.amount);
    END IF;
END;
INSERT INTO stock VALUES ('nuts', 5), ('bolts', 7);
UPDATE stock SET amount = amount - 6;
SELECT * FROM stock ORDER BY item;
SELECT * FROM history ORDER BY item;
