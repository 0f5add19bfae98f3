SOURCE lib/broken.sql
