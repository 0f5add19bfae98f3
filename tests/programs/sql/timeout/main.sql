PRINT 'begun';
DO SLEEP(600);
