SELECT @who, @times + 1, @empty = '' AS is_empty, @missing;
SELECT REPEAT(CONCAT(@who, '! '), @times) AS cheers;
