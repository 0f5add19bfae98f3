SET @stock = 0;
-- an error of the program's own ends it
IF @stock <= 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the stock is empty'; END IF;
