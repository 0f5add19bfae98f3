CREATE TABLE accounts (id INT PRIMARY KEY, owner VARCHAR(20), balance INT);
INSERT INTO accounts VALUES (1, 'Ann', 100), (2, 'Bob', 20), (3, 'Cid', 0);

DELIMITER //
CREATE PROCEDURE transfer(IN source INT, IN target INT, IN amount INT)
BEGIN
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
        ROLLBACK;
        SELECT 'refused' AS outcome;
    END;
    START TRANSACTION;
    UPDATE accounts SET balance = balance - amount WHERE id = source;
    IF (SELECT balance FROM accounts WHERE id = source) < 0 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not enough';
    END IF;
    UPDATE accounts SET balance = balance + amount WHERE id = target;
    COMMIT;
    SELECT 'done' AS outcome;
END//

CREATE FUNCTION rich() RETURNS TEXT READS SQL DATA
BEGIN
    DECLARE done BOOL DEFAULT FALSE;
    DECLARE one, all_of_them TEXT DEFAULT '';
    DECLARE c CURSOR FOR SELECT owner FROM accounts WHERE balance >= 50 ORDER BY owner;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
    OPEN c;
    each_owner: LOOP
        FETCH c INTO one;
        IF done THEN
            LEAVE each_owner;
        END IF;
        SET all_of_them = CONCAT_WS(', ', NULLIF(all_of_them, ''), one);
    END LOOP;
    CLOSE c;
    RETURN all_of_them;
END//
DELIMITER ;

CALL transfer(1, 2, 60);
CALL transfer(3, 1, 1);
SELECT * FROM accounts;
SELECT rich();
