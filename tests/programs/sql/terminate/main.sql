PRINT 'working';
SELECT SLEEP(600);
PRINT 'never reached';
