print('ran', __file__)
