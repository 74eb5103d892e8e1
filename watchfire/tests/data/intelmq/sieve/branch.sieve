add status = 'branched'
