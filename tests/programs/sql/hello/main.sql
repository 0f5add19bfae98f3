-- The smallest program there is.
PRINT 'hello, world';
SELECT 'hello' AS greeting, 'world' AS whom;
