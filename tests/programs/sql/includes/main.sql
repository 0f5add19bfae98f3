SOURCE lib/schema.sql
\. lib/views.sql
SELECT * FROM expensive;
