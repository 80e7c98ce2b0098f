# counters
4.times { puts tick, look }
puts tick(:foo), tick(:foo, step: 3), tick(:foo, step: 3), look(:foo), look(:foo, offset: 2)
tick_set 10
puts look, tick
tick_reset
puts look, tick
puts [:a, :b, :c].tick, (ring 1, 2).tick, [5, 6, 7].look, (scale :c4, :major).tick(:foo)
tick_set :bar, 4
puts tick(:bar)
in_thread { puts tick }
tick_reset_all
puts look(:foo), tick(:foo)
puts tick(step: 2), tick(step: 10), tick(offset: 3)
