CREATE TABLE t (line TEXT);
LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;
PRINT 'never reached';
