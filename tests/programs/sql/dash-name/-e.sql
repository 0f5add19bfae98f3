PRINT 'a file like others';
