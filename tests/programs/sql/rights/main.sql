-- nobody is root here
SHOW GRANTS;
SELECT * FROM mysql.global_priv;
