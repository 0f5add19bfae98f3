PRINT 'before';

SELECT 1 AS fine;

SELECT *
FROM nowhere;
PRINT 'never reached';
