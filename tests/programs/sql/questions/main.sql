-- Lines of standard input, asked for one by one; what is left is a file like others.
ACCEPT @who PROMPT 'name? ';
ACCEPT @age PROMPT CONCAT('age of ', @who, '? ') HIDE;
CLEAR SCREEN;
PRINT CONCAT(@who, ' will be ', @age + 1);
CREATE TABLE rest (line TEXT);
LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE rest;
PRINT (SELECT GROUP_CONCAT(line) FROM rest);
ACCEPT @more;
