# lists by rule, and what is made of them
puts (ring 1, 2, 3), (ring 1, 2, 3)[4], (ring 1, 2, 3)[-1]
puts knit(:a, 2, :b, 1), bools(1, 0, nil, true), spread(3, 8), spread(5, 8, rotate: 2), spread(4, 4)
puts range(1, 5), range(1, 2, step: 0.25), range(5, 1), range(0, 1, 0.5), range(1, 3, inclusive: true)
puts line(0, 1, steps: 4), line(0, 1, steps: 3, inclusive: true), line(5, 1)
puts stretch(:c, 2, :d, 3), stretch([1, 2], 2), halves(8, 3), doubles(1, 4), halves(1, -3)
r = (ring 10, 20, 30, 40)
puts r.reverse, r.mirror, r.reflect, r.reflect(2), r.repeat, r.repeat(3), r.stretch(2)
puts r.take(2), r.take(6), r.take(-3), r.drop(1), r.drop_last, r.drop_last(2), r.butlast
puts r.rotate, r.rotate(-1), r.scale(2), r + 1, r - 0.5, r + [50], r.first, r.last, r.first(2), r.max, r.min
puts r.sort, r.map { |n| n + 1 }, r.flat_map { |n| [n, n] }, r.index(30), r.size, r.to_a
puts (ramp 1, 2, 3)[9], (ramp 1, 2, 3)[-9], [1, 2, 3].ring, [3, 1].ramp, (vector 1, 2)
puts (map a: 1)[:a], (ring 1, 1, 2).uniq, (ring nil, 1).compact, (ring 1, 2) == (ring 1, 2)
