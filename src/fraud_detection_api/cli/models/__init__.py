"""fraud models … and fraud policy …"""
