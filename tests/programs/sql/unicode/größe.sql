CREATE TABLE `städte` (`名前` VARCHAR(20), `größe €` INT);
INSERT INTO `städte` VALUES ('東京', 14), ('Zürich', 1), ('Αθήνα', 3), ('🏔 top', NULL), ('été', 2);
SELECT * FROM `städte` ORDER BY `größe €` DESC;
SELECT CHAR_LENGTH('日本🎈') AS characters, LENGTH('日本🎈') AS bytes, UPPER('straße ñ') AS upper, 'a' = 'Á' AS same;
