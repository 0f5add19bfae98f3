-- Errors that are caught, in blocks that are no procedures.
CREATE TABLE log (line INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(80));
BEGIN NOT ATOMIC
    DECLARE CONTINUE HANDLER FOR 1146 INSERT INTO log (text) VALUES ('no such table');
    DECLARE CONTINUE HANDLER FOR SQLSTATE '23000' INSERT INTO log (text) VALUES ('a duplicate');
    DECLARE CONTINUE HANDLER FOR SQLEXCEPTION
    BEGIN
        GET DIAGNOSTICS CONDITION 1 @state = RETURNED_SQLSTATE, @message = MESSAGE_TEXT;
        INSERT INTO log (text) VALUES (CONCAT(@state, ': ', @message));
    END;
    SELECT * FROM nowhere;
    INSERT INTO log VALUES (1, 'again');
    SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'my own';
    INSERT INTO log (text) VALUES ('goes on');
END;
SELECT * FROM log;
