PRINT 'in the file';
SELECT
    1,
    2 FORM t;
