-- What the program is given on its standard input is a file like others.
CREATE TABLE points (name VARCHAR(20), score INT);
LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE points FIELDS TERMINATED BY ',';
SELECT name, SUM(score) AS score FROM points GROUP BY name ORDER BY name;
